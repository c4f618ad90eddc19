"""The stream processors: Faust workers between Kafka and the rest.

Every consumer is at-least-once: an event is acknowledged by hand after its effect is durable, never by leaving a loop.
"""
