-- Profit, quality and lists of fills are asked for by the time of booking; without this every fill of a symbol is read.

create index fills_booked on fills (symbol, booked_at);
