# SPDX-License-Identifier: PostgreSQL
"""The database through a failover: what to set, what to repeat, and what not to believe.

1. A connection in the pool may be dead although nobody has closed it here. `pool_pre_ping` asks
   before it is used, and opens a new one instead of failing the request.
2. A request that was cut off may be repeated only if doing it twice is doing it once. Reads are
   like that by themselves; `register` is made so.
3. Only a COMMIT that returned without an error is a promise. After an error in the COMMIT nobody
   knows: it may have been done. So look, and do it again if it was not.
"""
import os

from sqlalchemy import BigInteger, Column, DateTime, Text, create_engine, select, text
from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, declarative_base
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

# How long a user waits for the page at most. A failover takes a second or two; five of them are
# better than an error page, a minute is worse.
PATIENCE = 15

engine = create_engine(
    os.environ["DATABASE_URL"],
    pool_pre_ping=True,
    pool_size=5,
    max_overflow=10,
    # A request that finds no free connection waits this long, and not the default of 30 s.
    pool_timeout=5,
    # HAProxy and firewalls forget connections that were idle for long; be the first to do so.
    pool_recycle=1800,
    connect_args={
        # A server that vanished does not answer: give up, for another one may be there by now.
        "connect_timeout": 2,
        # The same for a connection in use: what was sent and is not received within 5 s means that
        # nobody is there. Without this a request can hang for a quarter of an hour.
        "tcp_user_timeout": 5000,
        "keepalives_idle": 2,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        # And a statement that waits on the server, as for a standby that is away.
        "options": "-c statement_timeout=5s -c lock_timeout=3s",
    },
)
Base = declarative_base()


class User(Base):
    """The table of init.sql."""
    __tablename__ = "users"
    id = Column(BigInteger, primary_key=True)
    username = Column(Text, nullable=False)
    email = Column(Text, nullable=False)
    created_at = Column(DateTime(timezone=True), nullable=False)


class Unavailable(Exception):
    """The database did not come back in time."""


# 08 connection, 25006 a standby, 40 serialization, 53 resources, 55P03 a lock, 57 shutdown or
# cancelled. Every other SQLSTATE is a mistake that stays one, however often it is repeated.
PASSING = ("08", "25006", "40", "53", "55P03", "57")


def will_pass(error):
    """Whether the same request may succeed a moment later."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    sqlstate = getattr(error.orig, "pgcode", None)
    if sqlstate:
        return sqlstate.startswith(PASSING)
    # Without an SQLSTATE it was libpq that failed: no server, or a connection that broke.
    return error.connection_invalidated or isinstance(error, OperationalError)


def repeated(work):
    """Decorates what may be done twice: bounded, and not in step with all the others."""
    def unavailable(state):
        if will_pass(state.outcome.exception()):
            raise Unavailable from state.outcome.exception()
        return state.outcome.result()

    return retry(retry=retry_if_exception(will_pass), stop=stop_after_delay(PATIENCE),
                 wait=wait_random(0.05, 0.25), retry_error_callback=unavailable)(work)


@repeated
def newest_users(count=20):
    """The newest registrations, newest first."""
    with Session(engine) as session:
        return session.execute(
            select(User.id, User.username, User.email, User.created_at)
            .order_by(User.created_at.desc(), User.id.desc()).limit(count)).all()


@repeated
def register(username, email, created_at):
    """One row for one registration, however often this is called; returns its id.

    The columns themselves tell whether it was done before. The lock makes an attempt wait whose
    predecessor was cut off from us and still runs on the server. It is this registration's alone.
    """
    same = (User.username == username, User.email == email, User.created_at == created_at)
    with Session(engine) as session, session.begin():
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
                        {"key": f"{username}\n{email}\n{created_at.isoformat()}"})
        number = session.execute(select(User.id).where(*same)).scalar()
        if number is None:
            user = User(username=username, email=email, created_at=created_at)
            session.add(user)
            session.flush()
            number = user.id
    # Here the COMMIT has returned.
    return number
