package spec

// The Avro files of a table: manifests, manifest lists and index manifests.
// Codec names are those of the option manifest.compression: "zstd" (also
// "zstandard"), "snappy", "deflate", "null" (also "none" and ""). Decoders
// take every one of them, whatever the table's option says.
//
// Decoders match fields by name: fields that an older writer left out are
// zero, fields that a newer one added are skipped. What they return is owned
// by the caller. Input that cannot be right is a plain error: the caller, who
// knows the path, makes it an errs.Corrupt. A manifest in another format (ORC)
// or of another _VERSION is errs.ErrUnsupported.

// EncodeManifest gives the bytes of a data manifest.
func EncodeManifest(entries []ManifestEntry, codec string) ([]byte, error) { panic("skeleton") }

// DecodeManifest reads a data manifest.
func DecodeManifest(data []byte) ([]ManifestEntry, error) { panic("skeleton") }

// EncodeManifestList gives the bytes of a manifest list. A list without
// records is valid: Paimon writes one for an empty delta.
func EncodeManifestList(files []ManifestFileMeta, codec string) ([]byte, error) { panic("skeleton") }

// DecodeManifestList reads a manifest list.
func DecodeManifestList(data []byte) ([]ManifestFileMeta, error) { panic("skeleton") }

// EncodeIndexManifest gives the bytes of an index manifest.
func EncodeIndexManifest(entries []IndexManifestEntry, codec string) ([]byte, error) {
	panic("skeleton")
}

// DecodeIndexManifest reads an index manifest.
func DecodeIndexManifest(data []byte) ([]IndexManifestEntry, error) { panic("skeleton") }
