"""The configset of dicomdex's collections; `dicom/schema.xml` is generated from `dicomdex.attributes`."""
