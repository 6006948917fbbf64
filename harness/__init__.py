"""The harness: what proves an engine from outside. It may import the engine; the engine never imports it."""
