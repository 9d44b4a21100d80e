"""MEXC spot v3: REST with signed queries, protobuf pushes, a private stream behind a listen key."""
