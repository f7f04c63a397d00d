"""Functions of an AWS Chalice application; it deploys them with plain Lambda calls."""

from chalice import Chalice

app = Chalice(app_name="greetings")


@app.lambda_function(name="greet")
def greet(event, context):
    return {"greeting": f"Hello, {event['name']}!", "function": context.function_name}
