//! The manager's keys. They rest in the database under the operator's master key, so that every replica finds the
//! same ones; they are made in one guarded transaction, so that two replicas never make two sets.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use atoll_domain::id::ManagerEpoch;
use atoll_domain::secret::{SealingKey, SymmetricKey};
use ed25519_dalek::SigningKey;

use crate::authority::{Authority, NewAuthority};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::store::keys::{SealedKey, epoch_get_or_create, sealed_key_create, sealed_key_get};
use crate::store::{Database, Store};

/// Everything the manager signs, seals and certifies with. Does not print.
pub struct Keyring {
    /// Signs documents.
    pub documents: SigningKey,
    /// Opens what nodes seal for the manager.
    pub sealing: SealingKey,
    /// Seals sensitive values and audience keys at rest.
    pub values: SymmetricKey,
    pub authority: Authority,
    pub epoch: ManagerEpoch,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keyring").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

const DOCUMENTS: &str = "document_signing";
const SEALING: &str = "sealing";
const VALUES: &str = "values";
const ROOT: &str = "root_authority";
const ISSUING: &str = "issuing_authority";

impl Keyring {
    /// Opens the keys, making them at the first start.
    ///
    /// # Errors
    /// The master key is not the one that the keys were sealed under.
    pub async fn open(store: &Store, master: &SymmetricKey) -> Result<Self> {
        if let Err(error) = Self::create(store, master).await
            && error.kind != ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        Self::load(store, master).await
    }

    async fn create(store: &Store, master: &SymmetricKey) -> Result<()> {
        let tx = store.begin().await?;
        epoch_get_or_create(&tx, ManagerEpoch(clock::new_id())).await?;
        if sealed_key_get(&tx, DOCUMENTS).await?.is_some() {
            // Nothing to make; the life of the database may still have to be written down.
            tx.commit().await?;
            return Ok(());
        }
        let authority = NewAuthority::generate(clock::now())?;
        let keys = [
            (DOCUMENTS, clock::random::<32>().to_vec(), None),
            (SEALING, clock::random::<32>().to_vec(), None),
            (VALUES, clock::random::<32>().to_vec(), None),
            (ROOT, authority.root_key, Some(authority.root_certificate)),
            (ISSUING, authority.issuing_key, Some(authority.issuing_certificate)),
        ];
        for (name, key, public) in keys {
            let sealed = master.seal(&key, name.as_bytes(), clock::random()).map_err(Error::internal)?;
            sealed_key_create(&tx, name, SealedKey { sealed, public }).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn load(store: &Store, master: &SymmetricKey) -> Result<Self> {
        let (documents, _) = open_key(store, master, DOCUMENTS).await?;
        let (sealing, _) = open_key(store, master, SEALING).await?;
        let (values, _) = open_key(store, master, VALUES).await?;
        let (_, root) = open_key(store, master, ROOT).await?;
        let (issuing_key, issuing) = open_key(store, master, ISSUING).await?;
        let tx = store.begin().await?;
        let epoch = epoch_get_or_create(&tx, ManagerEpoch(clock::new_id())).await?;
        tx.commit().await?;
        Ok(Self {
            documents: SigningKey::from_bytes(&exactly_32(documents)?),
            sealing: SealingKey::new(exactly_32(sealing)?),
            values: SymmetricKey::new(exactly_32(values)?),
            authority: Authority::load(root, issuing, &issuing_key)?,
            epoch,
        })
    }
}

async fn open_key(database: &impl Database, master: &SymmetricKey, name: &str) -> Result<(Vec<u8>, Vec<u8>)> {
    let stored = sealed_key_get(database, name).await?;
    let stored = stored.ok_or_else(|| Error::internal(format!("the key {name} is missing from the database")))?;
    let key = master.open(&stored.sealed, name.as_bytes()).map_err(|error| {
        Error::precondition(
            "WRONG_MASTER_KEY",
            "the master key does not open this database's keys; start with the master key that it was created with",
        )
        .with_context(error)
    })?;
    Ok((key, stored.public.unwrap_or_default()))
}

fn exactly_32(bytes: Vec<u8>) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| Error::internal("a stored key has the wrong length"))
}

/// Reads the operator's master key, 64 hexadecimal digits. Where the file does not exist and may be made, makes it with
/// mode 0600.
///
/// # Errors
/// The file is missing, unreadable, open to others, or not a key.
pub fn master_key(path: &Path, may_create: bool) -> Result<SymmetricKey> {
    let bad = |text: String| Error::precondition("MASTER_KEY", text);
    if !path.exists() && may_create {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| bad(format!("the master key file {} cannot be created: {error}", path.display())))?;
        let text = hex::encode(clock::random::<32>());
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|error| bad(format!("the master key file {} cannot be written: {error}", path.display())))?;
    }
    let unreadable =
        |error: std::io::Error| bad(format!("the master key file {} cannot be read: {error}", path.display()));
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).map_err(unreadable)?.permissions());
    if mode & 0o077 != 0 {
        return Err(bad(format!("the master key file {0} is open to others; run: chmod 600 {0}", path.display())));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim(), &mut key)
        .map_err(|_| bad(format!("the master key file {} does not hold 64 hexadecimal digits", path.display())))?;
    Ok(SymmetricKey::new(key))
}
