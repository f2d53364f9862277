//! The memory of a text: the C library's, counted by what it really takes. QuickJS by itself knows
//! no sizes where there is no system that it knows, and so would keep within no limit, nor know
//! when to look for garbage.
#![expect(unsafe_code, reason = "it hands on what a C library gives")]

use std::hint::black_box;

use rquickjs::allocator::Allocator;

unsafe extern "C" {
    fn malloc(size: usize) -> *mut u8;
    fn calloc(count: usize, size: usize) -> *mut u8;
    fn realloc(pointer: *mut u8, size: usize) -> *mut u8;
    fn free(pointer: *mut u8);
    fn malloc_usable_size(pointer: *mut u8) -> usize;
}

/// The C library's memory.
pub(crate) struct LibraryMemory;

// SAFETY: the functions are those of the C library, which promise what is asked for; its memory is
// aligned to eight bytes.
unsafe impl Allocator for LibraryMemory {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        // SAFETY: any size may be asked for.
        unsafe { malloc(size) }
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        // SAFETY: any size may be asked for.
        unsafe { calloc(count, size) }
    }

    unsafe fn dealloc(&mut self, pointer: *mut u8) {
        // SAFETY: the caller has it from here.
        unsafe { free(pointer) }
    }

    unsafe fn realloc(&mut self, pointer: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: the caller has it from here.
        unsafe { realloc(pointer, size) }
    }

    unsafe fn usable_size(pointer: *mut u8) -> usize {
        // SAFETY: the caller has it from here.
        unsafe { malloc_usable_size(pointer) }
    }
}

/// More than is free anywhere between what is in use, in bytes.
const MOST_FREE: usize = 64 << 10;

/// Below so many bytes each size is tried, above it halves.
const SMALL: usize = 512;

/// The alignment of all that is allocated, in bytes.
const STEP: usize = 8;

/// Takes for good what is free between what is in use, so that what is allocated from then on lies
/// behind it.
pub(crate) fn close_gaps() {
    // What is taken is used by nobody, for which the compiler would leave it out.
    // SAFETY: any size may be asked for.
    let behind = black_box(unsafe { malloc(MOST_FREE) });
    // SAFETY: it is from there.
    unsafe { free(behind) };
    let mut size = MOST_FREE;
    while size >= STEP {
        // SAFETY: any size may be asked for.
        let gap = black_box(unsafe { malloc(size) });
        if !gap.is_null() && gap < behind {
            continue;
        }
        // SAFETY: it is from there.
        unsafe { free(gap) };
        size = match size > SMALL {
            true => size / 2,
            false => size - STEP,
        };
    }
}
