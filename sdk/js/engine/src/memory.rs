//! The memory of a text: the C library's, counted by what it really takes. QuickJS by itself knows
//! no sizes where there is no system that it knows, and so would keep within no limit, nor know
//! when to look for garbage.
#![expect(unsafe_code, reason = "it hands on what a C library gives")]

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
