"""Export formats, one module or subpackage for each.

A format is an instance of `export_format.ExportFormat` in `table.FORMATS`; see
`keras_efficient.export` for how to add one.
"""
