"""The peer: what a team would write first, kept honest, so that ratios mean something.

FastAPI and pydantic at the door, SQLAlchemy's async ORM on asyncpg below, PostgreSQL's defaults
for durability, one transaction an order, and a hash-chain column that makes the journal
tamper-evident. Nothing in it is slow on purpose, and nothing of Tallystick is used in it.

    NAIVE_DSN=postgresql://... uvicorn --app-dir benchmarks naive.app:app
"""
