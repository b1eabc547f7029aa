"""What all pages share and that knows no feature: template tags, middleware, ranged files, health."""
