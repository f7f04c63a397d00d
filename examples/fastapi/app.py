"""A FastAPI application behind a function URL; Mangum makes ASGI of the event."""

from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel

app = FastAPI(title="Notes")


class Note(BaseModel):
    """What is noted."""

    text: str
    stars: int = 0


@app.get("/")
def greet(name: str = "world") -> dict[str, str]:
    """Greet."""
    return {"message": f"Hello, {name}, from FastAPI on Ingle"}


@app.post("/notes", status_code=201)
def note(wanted: Note) -> Note:
    """Return the note with one more star."""
    return Note(text=wanted.text, stars=wanted.stars + 1)


handler = Mangum(app, lifespan="off")
