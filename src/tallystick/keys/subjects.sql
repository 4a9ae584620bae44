-- One row a subject that ever had a key, added at the end and never moved or removed. `wrapped` is
-- nonce, ciphertext and tag; all zero bytes once the key is destroyed.
CREATE TABLE subject_keys (
  number  INTEGER PRIMARY KEY,
  subject TEXT NOT NULL UNIQUE,
  wrapped BLOB NOT NULL CHECK (length(wrapped) = 60)
) STRICT;

-- One row. `position`: erasures before this ledger position are carried out in this file.
-- `proof` opens only under the key-encryption key that wraps the rows above.
CREATE TABLE progress (
  position INTEGER NOT NULL,
  proof    BLOB NOT NULL
) STRICT;
