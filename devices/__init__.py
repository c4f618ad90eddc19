"""What speaks MQTT: the gateway, edge publishers, cameras and scales, and the configuration of the brokers.

The only package that imports paho. Nothing is acknowledged to a broker before the log has it (``devices.gateway``).
"""
