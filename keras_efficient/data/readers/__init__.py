"""Readers of the layouts in which annotated images are stored.

To add a layout of detection annotations:

1. Write a module `readers/<layout>.py` with two functions and a row:

   - `find_splits(listing)` recognizes the layout. It returns a dict from the
     name of each split (`None` for annotations that are not divided) to an
     object of the module's own that says where the split is stored; `{}` if
     the dataset is not in this layout. `listing` is a `FolderListing` of a
     folder, or of a file with one of the row's `source_endings`. It must be
     quick: it is called for every layout.
   - `read(split, options)` reads such an object into `RawAnnotations`: the
     boxes and classes as the files state them, without checks of values. What
     the reader cannot represent, it adds to `RawAnnotations.dropped`.
   - `LAYOUT = Layout(name=..., title=..., expected=..., ...)` names both.

2. Add `<layout>.LAYOUT` to `layouts.LAYOUTS`.

Everything else is shared: `layouts` chooses the layout and the split,
`validation` repairs or drops invalid annotations and reports them,
`data.load_detection` builds the dataset. `folder_listing` reads each folder
once, `files` reads text, `class_names` makes names unique. Classification has
three readers, `image_folder`, `class_tables` and `arrays`.
"""
