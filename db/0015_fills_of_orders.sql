-- A start asks for the fills of the orders that it has to resolve; without these every fill of a symbol is read.

create index fills_client_order on fills (client_order_id) where client_order_id <> '';
create index fills_venue_order on fills (venue_order_id) where venue_order_id <> '';
