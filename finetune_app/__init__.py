"""The Django project: what people see and set up.

Empty of imports, so that the pure modules below it load without Django.
"""
