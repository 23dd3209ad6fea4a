"""Every word once: columns, choices, readings, fields of the national list (名称)."""
