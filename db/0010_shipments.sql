-- Funds that a person moves from one exchange to another: what left the one and what arrived at the other.
alter table ledger_entries drop constraint ledger_entries_kind_check;
alter table ledger_entries add constraint ledger_entries_kind_check
    check (kind in ('opening', 'base', 'quote', 'fee', 'pnl', 'funding', 'transfer', 'shipment', 'adjustment'))
    not valid;
alter table ledger_entries validate constraint ledger_entries_kind_check;
