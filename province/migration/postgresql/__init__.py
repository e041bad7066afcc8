"""PostgreSQL by logical replication, there and back: the servers are asked by psql, as people ask them."""
