# SPDX-License-Identifier: PostgreSQL
"""Registers users and lists them. What it teaches is in database.py."""
import datetime
import pathlib
from typing import Optional

from fastapi import FastAPI, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader

import database

here = pathlib.Path(__file__).parent
pages = Environment(loader=FileSystemLoader(here / "templates"), autoescape=True)
app = FastAPI(title="Users")


def page(name, status=200, **values):
    return HTMLResponse(pages.get_template(name).render(values), status_code=status)


# Plain functions, not coroutines: FastAPI gives each request a thread, in which it may wait for the
# database while others go on.
@app.get("/")
def show(registered: str = ""):
    return page("users.html", users=database.newest_users(), registered=registered)


@app.post("/users")
def register(username: str = Form(...), email: str = Form(...),
             created_at: Optional[datetime.datetime] = Form(None)):
    """Confirms with a redirect, when the row is committed and not before."""
    # The time of the first attempt belongs to the registration: who presses the button again after
    # an error sends the same one, and is registered once.
    asked = created_at or datetime.datetime.now(datetime.timezone.utc)
    try:
        number = database.register(username, email, asked)
    except database.Unavailable:
        return page("unavailable.html", status=503, username=username, email=email,
                    created_at=asked.isoformat())
    return RedirectResponse(f"/?registered={number}", status_code=303)


@app.get("/health")
def health():
    """Whether the application runs; what the database does is not its affair."""
    return {"status": "ok"}


@app.exception_handler(database.Unavailable)
def say_unavailable(_request, _error):
    return page("unavailable.html", status=503)
