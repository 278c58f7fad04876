//! The allocator of machines without the standard library.
//!
//! The heap is what the linker left of memory, and grows. It is cut into blocks, each behind a
//! header with its own size and that of the block before it, so that a freed block merges with its
//! neighbours at once. Free blocks hang in lists by size: 16 classes up to 256 bytes, then 16 per
//! power of two, found through bitmaps. Taking and freeing take a bounded number of steps.

use core::cell::UnsafeCell;
use core::ptr;

/// Where the heap gets its memory.
pub(crate) trait Memory {
    /// Address of offset 0.
    fn base(&self) -> usize;
    /// The first offset that may be used, from 1 upwards.
    fn start(&self) -> u32;
    fn pages(&self) -> u32;
    fn grow(&mut self, pages: u32) -> bool;
}

/// Offset of a block, 0 for none.
type Address = u32;

#[repr(C)]
struct Block {
    before: u32, // size of the block in front of it, 0 if there is none
    size: u32,   // with this header; the lowest bit is set while it is in use
    next: Address,
    previous: Address, // in its list, while it is free
}

const HEADER_BYTES: u32 = 8;
const GRAIN: u32 = 16;
const COLUMNS: u32 = 16;
const ROWS: usize = 25;
const LINEAR_BYTES: u32 = GRAIN * COLUMNS;
const PAGE_BYTES: u64 = 64 << 10;
const USED: u32 = 1;
const REQUEST_BYTES_MAX: usize = 0x7fff_0000;

pub(crate) struct Heap<M> {
    memory: M,
    end: Address, // of the last segment; its last 8 bytes are a header of size 0, in use
    rows: u32,
    columns: [u32; ROWS],
    lists: [[Address; COLUMNS as usize]; ROWS],
}

/// The list in which a free block of that size hangs.
fn place_of(size: u32) -> (usize, u32) {
    if size < LINEAR_BYTES {
        return (0, size / GRAIN);
    }
    let top = 31 - size.leading_zeros();
    (top as usize - 7, size >> (top - 4) & (COLUMNS - 1))
}

/// The first list whose blocks all have that size at least.
fn place_that_fits(size: u32) -> (usize, u32) {
    if size < LINEAR_BYTES {
        return place_of(size);
    }
    place_of(size + (1 << (27 - size.leading_zeros())) - 1)
}

impl<M: Memory> Heap<M> {
    pub(crate) const fn new(memory: M) -> Self {
        Heap { memory, end: 0, rows: 0, columns: [0; ROWS], lists: [[0; COLUMNS as usize]; ROWS] }
    }

    fn at(&self, a: Address) -> *mut Block {
        (self.memory.base() + a as usize) as *mut Block
    }

    unsafe fn size_of(&self, a: Address) -> u32 {
        (*self.at(a)).size & !USED
    }

    unsafe fn used(&self, a: Address) -> bool {
        (*self.at(a)).size & USED != 0
    }

    unsafe fn hang(&mut self, a: Address, size: u32) {
        let (row, column) = place_of(size);
        let head = self.lists[row][column as usize];
        (*self.at(a)).previous = 0;
        (*self.at(a)).next = head;
        if head != 0 {
            (*self.at(head)).previous = a;
        }
        self.lists[row][column as usize] = a;
        self.columns[row] |= 1 << column;
        self.rows |= 1 << row;
    }

    unsafe fn unhang(&mut self, a: Address, size: u32) {
        let (row, column) = place_of(size);
        let (next, previous) = ((*self.at(a)).next, (*self.at(a)).previous);
        if next != 0 {
            (*self.at(next)).previous = previous;
        }
        if previous != 0 {
            (*self.at(previous)).next = next;
            return;
        }
        self.lists[row][column as usize] = next;
        if next != 0 {
            return;
        }
        self.columns[row] &= !(1 << column);
        if self.columns[row] == 0 {
            self.rows &= !(1 << row);
        }
    }

    /// A free block of at least that size, or 0.
    fn find(&self, size: u32) -> Address {
        let (mut row, column) = place_that_fits(size);
        if row >= ROWS {
            return 0;
        }
        let mut columns = self.columns[row] & u32::MAX << column;
        if columns == 0 {
            let rows = self.rows & u32::MAX << row & !(1 << row);
            if rows == 0 {
                return 0;
            }
            row = rows.trailing_zeros() as usize;
            columns = self.columns[row];
        }
        self.lists[row][columns.trailing_zeros() as usize]
    }

    /// Makes a block of that size free, merged with its neighbours.
    unsafe fn release(&mut self, mut a: Address, mut size: u32) {
        let (after, before) = (a + size, (*self.at(a)).before);
        if !self.used(after) {
            let more = self.size_of(after);
            self.unhang(after, more);
            size += more;
        }
        if before != 0 && !self.used(a - before) {
            a -= before;
            self.unhang(a, before);
            size += before;
        }
        (*self.at(a)).size = size;
        (*self.at(a + size)).before = size;
        self.hang(a, size);
    }

    /// Marks a block as used that is in no list, and gives back what it has too much.
    unsafe fn take(&mut self, a: Address, has: u32, mut wanted: u32) {
        if has - wanted < GRAIN {
            wanted = has;
        }
        (*self.at(a)).size = wanted | USED;
        (*self.at(a + wanted)).before = wanted;
        if wanted < has {
            (*self.at(a + wanted)).size = (has - wanted) | USED;
            self.release(a + wanted, has - wanted);
        }
    }

    /// Makes the heap larger by at least that size: by an eighth if memory allows.
    unsafe fn extend(&mut self, size: u32) -> bool {
        let mut end = u64::from(self.memory.pages()) * PAGE_BYTES;
        let joins = self.end != 0 && u64::from(self.end) == end;
        let from = match self.end {
            0 => (self.memory.start() + GRAIN - 1) / GRAIN * GRAIN + HEADER_BYTES,
            _ if joins => self.end - HEADER_BYTES,
            _ => end as u32 + HEADER_BYTES, // somebody else grew memory: leave theirs alone
        };
        let (room, need) = (end.saturating_sub(u64::from(from)), u64::from(size + HEADER_BYTES));
        if room < need {
            let pages = ((need - room + PAGE_BYTES - 1) / PAGE_BYTES) as u32;
            let eighth = self.memory.pages() / 8;
            if !(eighth > pages && self.memory.grow(eighth)) && !self.memory.grow(pages) {
                return false;
            }
            end = u64::from(self.memory.pages()) * PAGE_BYTES;
        }
        if end > u64::from(u32::MAX) {
            return false; // the last page of four gibibytes stays unused
        }
        let gained = end as u32 - HEADER_BYTES - from;
        if !joins {
            (*self.at(from)).before = 0;
        }
        (*self.at(from)).size = gained | USED;
        (*self.at(from + gained)).size = USED;
        self.end = end as u32;
        self.release(from, gained);
        true
    }

    fn rounded(n: usize) -> u32 {
        (n as u32 + HEADER_BYTES + GRAIN - 1) & !(GRAIN - 1)
    }

    /// Takes `n` bytes at a multiple of 16, or returns null.
    pub(crate) unsafe fn alloc(&mut self, n: usize) -> *mut u8 {
        if n > REQUEST_BYTES_MAX {
            return ptr::null_mut();
        }
        let size = Self::rounded(n);
        let mut a = self.find(size);
        if a == 0 {
            // A block found by its class is larger than asked for by a sixteenth at most.
            if !self.extend(size + size / COLUMNS + GRAIN) {
                return ptr::null_mut();
            }
            a = self.find(size);
        }
        let has = self.size_of(a);
        self.unhang(a, has);
        self.take(a, has, size);
        self.at(a).cast::<u8>().add(HEADER_BYTES as usize)
    }

    pub(crate) unsafe fn free(&mut self, p: *mut u8) {
        let a = self.address(p);
        self.release(a, self.size_of(a));
    }

    /// Gives what `alloc` returned another size, in place if it can.
    pub(crate) unsafe fn resize(&mut self, p: *mut u8, n: usize) -> *mut u8 {
        if n > REQUEST_BYTES_MAX {
            return ptr::null_mut();
        }
        let (a, wanted) = (self.address(p), Self::rounded(n));
        let mut has = self.size_of(a);
        let after = a + has;
        if has < wanted && !self.used(after) && has + self.size_of(after) >= wanted {
            let more = self.size_of(after);
            self.unhang(after, more);
            has += more;
            (*self.at(a)).size = has | USED;
            (*self.at(a + has)).before = has;
        }
        if has >= wanted {
            self.take(a, has, wanted);
            return p;
        }
        let q = self.alloc(n);
        if !q.is_null() {
            ptr::copy_nonoverlapping(p, q, (has - HEADER_BYTES) as usize);
            self.free(p);
        }
        q
    }

    fn address(&self, p: *mut u8) -> Address {
        (p as usize - self.memory.base()) as u32 - HEADER_BYTES
    }
}

/// The heap as the global allocator of a module.
pub(crate) struct Global<M>(UnsafeCell<Heap<M>>);

// Invariant: WebAssembly without threads has one thread.
unsafe impl<M> Sync for Global<M> {}

impl<M: Memory> Global<M> {
    #[cfg_attr(test, allow(dead_code))]
    pub(crate) const fn new(memory: M) -> Self {
        Global(UnsafeCell::new(Heap::new(memory)))
    }
}

unsafe impl<M: Memory> core::alloc::GlobalAlloc for Global<M> {
    unsafe fn alloc(&self, layout: core::alloc::Layout) -> *mut u8 {
        let heap = &mut *self.0.get();
        if layout.align() <= GRAIN as usize {
            return heap.alloc(layout.size());
        }
        // Why in front of it: dealloc gets the pointer that was aligned, and needs the other.
        let p = heap.alloc(layout.size() + layout.align());
        if p.is_null() {
            return p;
        }
        let aligned = p.add(layout.align() - p as usize % layout.align());
        aligned.cast::<*mut u8>().sub(1).write(p);
        aligned
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: core::alloc::Layout) {
        let heap = &mut *self.0.get();
        if layout.align() <= GRAIN as usize {
            return heap.free(p);
        }
        heap.free(p.cast::<*mut u8>().sub(1).read());
    }

    unsafe fn realloc(&self, p: *mut u8, layout: core::alloc::Layout, n: usize) -> *mut u8 {
        if layout.align() <= GRAIN as usize {
            return (*self.0.get()).resize(p, n);
        }
        let q = self.alloc(core::alloc::Layout::from_size_align_unchecked(n, layout.align()));
        if !q.is_null() {
            ptr::copy_nonoverlapping(p, q, n.min(layout.size()));
            self.dealloc(p, layout);
        }
        q
    }
}

/// The module's own memory.
#[cfg(target_arch = "wasm32")]
pub(crate) struct Linear;

#[cfg(target_arch = "wasm32")]
impl Memory for Linear {
    fn base(&self) -> usize {
        0
    }
    fn start(&self) -> u32 {
        extern "C" {
            static __heap_base: u8;
        }
        unsafe { ptr::addr_of!(__heap_base) as u32 }
    }
    fn pages(&self) -> u32 {
        core::arch::wasm32::memory_size(0) as u32
    }
    fn grow(&mut self, pages: u32) -> bool {
        core::arch::wasm32::memory_grow(0, pages as usize) != usize::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::alloc::{GlobalAlloc, Layout};

    const PAGES_MAX: u32 = 256;

    struct Arena {
        data: Vec<u8>,
        pages: u32,
        pages_max: u32,
    }

    impl Arena {
        fn new(pages_max: u32) -> Self {
            Arena { data: vec![0; (u64::from(PAGES_MAX) * PAGE_BYTES) as usize + 16], pages: 1, pages_max }
        }
    }

    impl Memory for Arena {
        fn base(&self) -> usize {
            (self.data.as_ptr() as usize + 15) & !15
        }
        fn start(&self) -> u32 {
            40
        }
        fn pages(&self) -> u32 {
            self.pages
        }
        fn grow(&mut self, pages: u32) -> bool {
            let ok = pages <= self.pages_max - self.pages;
            self.pages += if ok { pages } else { 0 };
            ok
        }
    }

    struct Piece {
        p: *mut u8,
        layout: Layout,
        fill: u8,
    }

    impl Piece {
        fn write(&self) {
            assert_eq!(self.p as usize % self.layout.align(), 0);
            unsafe { self.p.write_bytes(self.fill, self.layout.size()) }
        }
        fn intact(&self, n: usize) -> bool {
            unsafe { core::slice::from_raw_parts(self.p, n) }.iter().all(|&b| b == self.fill)
        }
    }

    /// Takes, resizes and frees at random; whatever overlaps is found.
    fn play(mut seed: u64, pages_max: u32) {
        let heap = Global::new(Arena::new(pages_max));
        let mut pieces: Vec<Option<Piece>> = (0..500).map(|_| None).collect();
        let mut chance = move |n: u32| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as u32 % n
        };
        for turn in 0..20_000 {
            let (k, size) = (chance(500) as usize, 1 << chance(18));
            let size = chance(size) as usize + 1;
            match pieces[k].take() {
                None => {
                    let layout = Layout::from_size_align(size, 1 << chance(9)).unwrap();
                    let p = unsafe { heap.alloc(layout) };
                    if !p.is_null() {
                        let piece = Piece { p, layout, fill: turn as u8 };
                        piece.write();
                        pieces[k] = Some(piece);
                    }
                }
                Some(piece) if chance(3) == 0 => {
                    assert!(piece.intact(piece.layout.size()));
                    unsafe { heap.dealloc(piece.p, piece.layout) }
                }
                Some(mut piece) => {
                    let (n, former) = (size, piece.layout);
                    let p = unsafe { heap.realloc(piece.p, former, n) };
                    if !p.is_null() {
                        piece.p = p;
                        piece.layout = Layout::from_size_align(n, former.align()).unwrap();
                        assert!(piece.intact(n.min(former.size())));
                        piece.write();
                    }
                    pieces[k] = Some(piece);
                }
            }
        }
        for piece in pieces.into_iter().flatten() {
            unsafe { heap.dealloc(piece.p, piece.layout) }
        }
        // What was freed has grown together again: nearly all can be had in one piece.
        let heap = unsafe { &mut *heap.0.get() };
        let pages = heap.memory.pages;
        let p = unsafe { heap.alloc(pages as usize * PAGE_BYTES as usize * 14 / 16 - PAGE_BYTES as usize) };
        assert!(!p.is_null() && heap.memory.pages == pages);
    }

    #[test]
    fn random_use() {
        for seed in 1..=4 {
            play(seed, if seed % 2 == 0 { 64 } else { PAGES_MAX });
        }
    }

    #[test]
    fn limits() {
        let mut heap = Heap::new(Arena::new(4));
        unsafe {
            assert!(heap.alloc(usize::MAX).is_null());
            assert!(heap.alloc(4 << 16).is_null());
            let p = heap.alloc(3 << 16);
            assert!(!p.is_null());
            assert!(heap.resize(p, 8 << 16).is_null());
            heap.free(p);
            assert!(!heap.alloc(0).is_null());
        }
    }
}
