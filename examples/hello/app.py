"""The function that `make demo` deploys."""


def handler(event, context):
    print(f"request {context.aws_request_id}")
    return {"message": f"Hello, {event.get('name', 'world')}, from Ingle"}
