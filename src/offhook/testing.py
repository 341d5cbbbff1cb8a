"""The pytest plugin of Offhook: fixtures that start the platform and drive its virtual phones."""
