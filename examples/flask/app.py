"""A Flask application behind a function URL; apig-wsgi makes WSGI of the event."""

from apig_wsgi import make_lambda_handler
from flask import Flask, jsonify, request, session

app = Flask(__name__)
app.secret_key = "only-for-this-example"  # noqa: S105 - it is nobody's


@app.get("/hello/<name>")
def hello(name):
    """Greet, and count in a signed cookie how often."""
    session["times"] = session.get("times", 0) + 1
    return f"Hello, {name}, for the {session['times']}. time"


@app.post("/form")
def form():
    """Return what a form holds, and the size of a file that came with it."""
    sizes = {name: len(file.read()) for name, file in request.files.items()}
    return jsonify(fields=request.form.to_dict(), files=sizes), 201


@app.get("/dot.gif")
def dot():
    """Return bytes that are no text."""
    content = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,"
    return content + b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;", {"content-type": "image/gif"}


handler = make_lambda_handler(app)
