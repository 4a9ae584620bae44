"""The tuned peer: what an experienced team makes of FastAPI and PostgreSQL without a new design.

asyncpg with prepared statements instead of an ORM, msgspec instead of pydantic, one transaction an
order, a hash-chain row for tamper evidence. It promises what the naive peer promises.
"""
