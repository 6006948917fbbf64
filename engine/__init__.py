"""Waybill's engine: integrations described in YAML, run durably."""
