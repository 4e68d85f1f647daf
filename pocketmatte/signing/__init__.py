"""Who vouches for a bundle: keys, the signature beside the manifest, the bill of materials."""
