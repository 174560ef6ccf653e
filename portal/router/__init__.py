"""The HTTP router: nginx, whose configuration is rendered from the routes that environments ask for."""
