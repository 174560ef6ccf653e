"""The scripted journey of `make demo`: a client over HTTP that knows the portal only from outside."""
