"""Structured logs, a trace and metrics with Powertools for AWS Lambda."""

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(service="greeter")
tracer = Tracer(service="greeter")
metrics = Metrics(namespace="Examples", service="greeter")


@tracer.capture_method
def greet(name):
    return f"Hello, {name}"


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(log_event=True)
@tracer.capture_lambda_handler
def handler(event, context):
    metrics.add_metric(name="Greetings", unit=MetricUnit.Count, value=1)
    greeting = greet(event.get("name", "world"))
    logger.info("greeted", extra={"greeting": greeting})
    return {"message": greeting}
