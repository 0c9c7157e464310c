// Package lookup finds rows of a table with a primary key by their keys.
//
// What a snapshot shows is a list of data files a bucket. Of each file that a
// key may be in, a segment is made the first time it is asked: the encoded keys,
// a hash table from key to row, and all wanted columns, decoded. A get goes
//
//  1. from the key's columns to partition and bucket, and to the encoded key;
//  2. through the bucket's files, newest first: those whose key range has the key
//     are asked by its hash; tags in the table make a miss as fast as a hit;
//  3. where the newest version is the row (deduplicate by sequence number, or one
//     live row a key: deletion vectors, a single level), the first hit is the answer: a
//     row of the segment's own batch, nothing copied;
//  4. else the versions found are merged as a read would merge them (package
//     lsm, over the rows found in place of files), for all keys of the call at
//     once.
//
// Segments lie in mapped files of a local directory, which the system pages in
// and out, or on the heap; together they are bounded, and the one that was not
// used for the longest goes first. A snapshot that brings new files leaves the
// segments of the others as they are.
//
// Sources: org.apache.paimon.table.query.LocalTableQuery, mergetree.LookupLevels.
package lookup
