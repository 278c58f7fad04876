//! Keys and values in memory: a hash map finds them, a set keeps the order of keys. Setting a value
//! that exists touches the map only; scans and snapshots walk the set.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::ops::Bound;
use std::rc::Rc;

/// A key, which map and set share.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key(Rc<[u8]>);

/// What a key is looked up by: the bytes, hashed without their length.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
struct Bytes([u8]);

impl Bytes {
    fn of(b: &[u8]) -> &Bytes {
        // Sound because Bytes is nothing but the slice (repr(transparent)).
        unsafe { &*(b as *const [u8] as *const Bytes) }
    }
}

impl Borrow<Bytes> for Key {
    fn borrow(&self) -> &Bytes {
        Bytes::of(&self.0)
    }
}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

/// A hasher without a secret, so that replicas agree; it takes eight bytes at a time.
#[derive(Default)]
struct Mixer(u64);

impl Mixer {
    #[inline]
    fn mix(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 32;
    }
}

impl Hasher for Mixer {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for c in &mut chunks {
            self.mix(u64::from_le_bytes([c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]]));
        }
        let tail = chunks.remainder().iter().fold(0, |word, &b| word << 8 | u64::from(b));
        self.mix(tail ^ (bytes.len() as u64) << 56);
    }

    #[inline]
    fn finish(&self) -> u64 {
        let h = (self.0 ^ self.0 >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        h ^ h >> 32
    }
}

/// The pairs.
#[derive(Default)]
pub struct Store {
    values: HashMap<Key, Vec<u8>, BuildHasherDefault<Mixer>>,
    order: BTreeSet<Key>,
}

impl Store {
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn get(&self, key: &[u8]) -> Option<&Vec<u8>> {
        self.values.get(Bytes::of(key))
    }

    /// The value of a key, a new and empty one if need be.
    pub fn at(&mut self, key: &[u8]) -> &mut Vec<u8> {
        if !self.values.contains_key(Bytes::of(key)) {
            let shared: Rc<[u8]> = key.into();
            self.order.insert(Key(shared.clone()));
            return self.values.entry(Key(shared)).or_default();
        }
        self.values.get_mut(Bytes::of(key)).expect("it is there")
    }

    /// Replaces the value of a key by a copy.
    pub fn set(&mut self, key: &[u8], value: &[u8]) {
        match self.values.get_mut(Bytes::of(key)) {
            Some(v) => {
                v.clear();
                if value.len() < v.capacity() / 4 {
                    v.shrink_to(value.len());
                }
                v.extend_from_slice(value);
            }
            None => self.at(key).extend_from_slice(value),
        }
    }

    /// Says whether the key was there.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let was = self.values.remove(Bytes::of(key)).is_some();
        if was {
            self.order.remove(Bytes::of(key));
        }
        was
    }

    /// The pairs in the order of keys, from a key on or behind it.
    pub fn from(&self, key: &[u8], behind: bool) -> impl Iterator<Item = (&[u8], &[u8])> + '_ {
        let key = Bytes::of(key);
        let start = if behind { Bound::Excluded(key) } else { Bound::Included(key) };
        self.order.range::<Bytes, _>((start, Bound::Unbounded)).map(move |k| (&*k.0, self.values[Borrow::<Bytes>::borrow(k)].as_slice()))
    }
}
