use super::*;
use std::collections::BTreeMap;
use wraft::Fake;

fn encode(operation: &str, operands: [Option<&[u8]>; 3]) -> Vec<u8> {
    let mut b = vec![0x84, 0x60 | operation.len() as u8];
    b.extend_from_slice(operation.as_bytes());
    for operand in operands {
        match operand {
            None => b.push(SIMPLE_NULL),
            Some(bytes) => {
                b.push(0x5a);
                b.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
                b.extend_from_slice(bytes);
            }
        }
    }
    b
}

fn apply(kv: &mut KeyValue, operation: &str, operands: [Option<&str>; 3]) -> Result<Vec<u8>, Error> {
    Fake::new().apply(kv, &encode(operation, operands.map(|o| o.map(str::as_bytes))))
}

#[test]
fn operations() {
    let mut kv = KeyValue::default();
    for (operation, operands, want) in [
        ("get", [Some("a"), None, None], &b"\xf6"[..]),
        ("put", [Some("a"), Some("1"), None], b"\xf6"),
        ("append", [Some("a"), Some("23"), None], b"\x03"),
        ("get", [Some("a"), None, None], b"\x43123"),
        ("append", [Some("empty"), None, None], b"\x00"),
        ("cas", [Some("a"), Some("new"), Some("wrong")], b"\xf4"),
        ("cas", [Some("a"), Some("new"), None], b"\xf4"),
        ("cas", [Some("a"), Some("new"), Some("123")], b"\xf5"),
        ("cas", [Some("c"), Some("born"), None], b"\xf5"),
        ("cas", [Some("c"), None, Some("born")], b"\xf5"),
        ("get", [Some("c"), None, None], b"\xf6"),
        ("scan", [None, None, None], b"\x82\xf4\x82\x82\x41a\x43new\x82\x45empty\x40"),
        ("scan", [Some("a"), None, None], b"\x82\xf4\x81\x82\x41a\x43new"),
        ("scan", [None, Some("a"), None], b"\x82\xf4\x81\x82\x45empty\x40"),
        ("delete", [Some("empty"), None, None], b"\xf5"),
        ("delete", [Some("empty"), None, None], b"\xf4"),
    ] {
        assert_eq!(apply(&mut kv, operation, operands).unwrap(), want, "{} {:?}", operation, operands);
    }
    let e = apply(&mut kv, "rename", [Some("a"), None, None]).unwrap_err();
    assert_eq!((e.status, &*e.text), (2, "unknown operation \"rename\"; use put, append, cas, delete, get or scan"));
    let e = Fake::new().query(&kv, &encode("put", [None, None, None])).unwrap_err();
    assert_eq!((e.status, &*e.text), (2, "unknown operation \"put\"; use get or scan"));
    assert_eq!(Fake::new().apply(&mut kv, b"put a 1").unwrap_err().status, 1);
}

#[test]
fn limits() {
    let (mut kv, large) = (KeyValue::default(), "x".repeat(VALUE_BYTES_MAX + 1));
    let says = |kv: &mut KeyValue, operation, operands| apply(kv, operation, operands).map_err(|e| (e.status, e.text));
    let refused = |text: &str| Err((3, text.to_string()));
    assert_eq!(says(&mut kv, "put", [Some("k"), Some(&large), None]), refused("the value has 1048577 bytes, at most 1048576 are allowed"));
    assert_eq!(says(&mut kv, "put", [Some(&large[..1025]), None, None]), refused("the key has 1025 bytes, at most 1024 are allowed"));
    says(&mut kv, "put", [Some("k"), Some(&large[2..]), None]).unwrap();
    assert_eq!(says(&mut kv, "append", [Some("k"), Some("y"), None]), Ok(b"\x1a\x00\x10\x00\x00".to_vec()));
    assert_eq!(says(&mut kv, "append", [Some("k"), Some("y"), None]), refused("the value would exceed its limit"));
}

#[test]
fn scans_come_in_pages() {
    let mut kv = KeyValue::default();
    for k in 0..SCAN_ITEMS_MAX + 1 {
        apply(&mut kv, "put", [Some(&format!("k{:03}", k)), None, None]).unwrap();
    }
    assert!(apply(&mut kv, "scan", [Some("k"), None, None]).unwrap().starts_with(b"\x82\xf5\x99\x01\x00"));
    assert!(apply(&mut kv, "scan", [Some("k"), Some("k000"), None]).unwrap().starts_with(b"\x82\xf4\x99\x01\x00"));
}

/// A machine and a plain map go through the same life.
#[test]
fn model() {
    let (mut kv, mut model, mut chance) = (KeyValue::default(), BTreeMap::new(), 1u32);
    for turn in 0..20_000u32 {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let key = format!("k{:03}", (chance >> 8) % 1000);
        if chance >> 30 < 2 {
            let value = "v".repeat((chance >> 20) as usize % 40);
            apply(&mut kv, "put", [Some(&key), Some(&value), None]).unwrap();
            model.insert(key, value);
        } else {
            let was = apply(&mut kv, "delete", [Some(&key), None, None]).unwrap() == b"\xf5";
            assert_eq!(was, model.remove(&key).is_some());
        }
        if turn % 500 == 0 {
            let held = kv.store.from(b"", false).map(|(k, v)| (k.to_vec(), v.to_vec()));
            assert!(held.eq(model.iter().map(|(k, v)| (k.clone().into_bytes(), v.clone().into_bytes()))));
            assert_eq!(kv.store.len(), model.len());
        }
    }
    let mut host = Fake::new();
    let taken = host.snapshot(&kv).unwrap();
    let mut other = KeyValue::default();
    host.restore(&mut other, &taken, 0).unwrap();
    assert_eq!(host.snapshot(&other).unwrap(), taken);
    for n in 0..taken.len().min(500) {
        assert!(host.restore(&mut other, &taken[..n], 0).is_err());
    }
    let refused = |bytes: &[u8]| Fake::new().restore(&mut KeyValue::default(), bytes, 0).unwrap_err().text;
    assert_eq!(refused(&[&taken[..], &[0]].concat()), "bytes follow the last value");
    assert_eq!(refused(b"wraft-kv 1\n\x02\0\0\0\0\0\0\0\x01\0\0\0b\0\0\0\0\x01\0\0\0a\0\0\0\0"), "key 1 of 2 is out of order");
    assert_eq!(refused(b"wraft-kv 1\n\x01\0\0\0\0\0\0\0\x01\x04\0\0"), "key 0 of 1: 1025 bytes, at most 1024 are allowed");
}
