/**
 * One key and its value. It lies outside of the garbage collector's heap, which
 * would otherwise visit every pair again and again: whoever makes it frees it.
 */
@unmanaged
export class Pair {
  hash: u32;
  keyLength: i32;
  valueLength: i32;
  /** How long a value there is room for. */
  private room: i32;
  /** Where the value lies; 0 without room. */
  value: usize;

  /** Makes a pair with a copy of the key and no value. */
  static make(hash: u32, key: usize, keyLength: i32): Pair {
    const pair = changetype<Pair>(heap.alloc(offsetof<Pair>() + keyLength));
    pair.hash = hash;
    pair.keyLength = keyLength;
    pair.valueLength = 0;
    pair.room = 0;
    pair.value = 0;
    memory.copy(pair.key, key, keyLength);
    return pair;
  }

  /** Where the key lies. */
  @inline
  get key(): usize {
    return changetype<usize>(this) + offsetof<Pair>();
  }

  free(): void {
    if (this.value) heap.free(this.value);
    heap.free(changetype<usize>(this));
  }

  /** Replaces the value by a copy of bytes. */
  setValue(at: usize, length: i32): void {
    if (length > this.room || isWaste(length, this.room)) {
      if (this.value) heap.free(this.value);
      this.value = 0;
      this.room = 0;
      if (length > 0) this.makeRoom(length);
    }
    memory.copy(this.value, at, length);
    this.valueLength = length;
  }

  /** Adds bytes to the end of the value. */
  append(at: usize, length: i32): void {
    const total = this.valueLength + length;
    if (total > this.room) this.makeRoom(max(total, this.room + (this.room >> 1)));
    memory.copy(this.value + this.valueLength, at, length);
    this.valueLength = total;
  }

  private makeRoom(length: i32): void {
    this.room = blockRoom(length);
    this.value = this.value ? heap.realloc(this.value, this.room) : heap.alloc(this.room);
  }

  /** Orders by key, byte by byte; below zero if this pair comes first. */
  compareKey(key: usize, length: i32): i32 {
    const common = memory.compare(this.key, key, min(this.keyLength, length));
    return common != 0 ? common : this.keyLength - length;
  }
}

/** Room that is kept whatever the value needs. */
const ROOM_KEPT: i32 = 60;

/** Is most of the room for nothing? */
function isWaste(length: i32, room: i32): bool {
  return room > ROOM_KEPT && length < room >> 2;
}

/** How much the allocator gives for a length: blocks of 16 bytes without a word of its own. */
function blockRoom(length: i32): i32 {
  return ((length + 19) & ~15) - 4;
}
