//! Small files that make a compiler recurse, grow or take for ever.

const PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";

/// A number as the binary format writes it.
fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 127).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 128);
    }
}

/// Instance types in instance types, so many deep: 3 bytes each.
pub fn deep_types(levels: usize) -> Vec<u8> {
    let mut types = [0x42, 0x01, 0x01].repeat(levels);
    types.push(0x7d);
    let length = leb128(types.len() + 1);
    [PREAMBLE, &[7], &length, &[1], &types].concat()
}

/// Components in components, so many deep: some 11 bytes each.
pub fn nested_components(levels: usize) -> Vec<u8> {
    (0..levels).fold(PREAMBLE.to_vec(), |inner, _| {
        [PREAMBLE, &[4], &leb128(inner.len()), &inner].concat()
    })
}

/// One function of so many loops, whose compiling takes the square of them.
pub fn loops(count: usize) -> Vec<u8> {
    let loops = "(loop (br_if 0 (local.get 0)))".repeat(count);
    let text = format!("(component (core module (func (param i32) {loops})))");
    wat::parse_str(text).expect("a valid component")
}

/// A component with two instances of a component with two instances of …: as many as
/// two to the power of `levels` when they are all laid out.
pub fn doubling_instances(levels: usize) -> Vec<u8> {
    let least = "(core module $m) (core instance (instantiate $m))".to_owned();
    let text = (0..levels).fold(least, |inner, _| {
        format!("(component $c {inner}) (instance (instantiate $c)) (instance (instantiate $c))")
    });
    wat::parse_str(format!("(component {text})")).expect("a valid component")
}
