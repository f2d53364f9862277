use super::*;
use crate::conformance::{event, key};
use crate::{ChannelName, Span};

const STORE: u64 = 0x1234_5678_9abc_def0;

fn group() -> (Vec<u8>, Vec<(BatchHead, usize)>) {
    let mut writer = GroupWriter::default();
    let mut heads = Vec::new();
    for (channel, first) in [(7, 1), (9, 40)] {
        let events = [event("a", b"one"), event("b", &[0; 100])].concat();
        let mut before = Vec::new();
        let keys = [(1, key(channel))];
        BatchHead::write(&mut before, STORE, channel, (first, 5), 2, &keys, &events);
        let head = BatchHead::read(&before, STORE).unwrap();
        writer.push(&head, &before, &events);
        heads.push((head, before.len() + events.len()));
    }
    (writer.finish(STORE, 3).to_vec(), heads)
}

#[test]
fn a_group_reads_back() {
    let (bytes, heads) = group();
    let read = group_at(&bytes, STORE).unwrap();
    assert_eq!((read.number, read.bytes()), (3, bytes.len()));
    let spans: Vec<_> = read.entries.iter().map(|entry| entry.span).collect();
    assert_eq!(
        spans,
        [Span::new(1, 2).unwrap(), Span::new(40, 41).unwrap()]
    );
    for (entry, (head, length)) in read.entries.iter().zip(heads) {
        assert_eq!(head.bytes(), length);
        let batch = &bytes[entry.at..entry.at + entry.bytes];
        assert_eq!(BatchHead::read(batch, STORE), Some(head));
        assert!(head.holds(batch));
        let keys: Vec<_> = keys_of(&batch[BATCH_HEAD..head.events_at()]).collect();
        assert_eq!(keys, [(1, key(head.channel))]);
    }
    assert_eq!(group_at(&bytes, STORE ^ 1), None);
}

#[test]
fn a_group_with_any_other_byte_is_none() {
    let (bytes, _) = group();
    for at in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[at] ^= 0x10;
        assert_eq!(group_at(&wrong, STORE), None, "byte {at}");
        // Written in part into a file of zeros.
        let mut torn = bytes.clone();
        torn[at..].fill(0);
        assert_eq!(group_at(&torn, STORE), None, "from byte {at}");
    }
    for end in 0..bytes.len() {
        assert_eq!(group_at(&bytes[..end], STORE), None, "up to byte {end}");
    }
}

#[test]
fn whole_ones_are_found_behind_others() {
    let (bytes, _) = group();
    let mut file = vec![0; 9000];
    file[100..103].copy_from_slice(b"HkG");
    let start = file.len();
    file.extend_from_slice(&bytes);
    file.extend_from_slice(&[0; 5000]);
    assert_eq!(written(&file), start + bytes.len());
    assert_eq!(written(&file[..100]), 0);
    assert_eq!(written(&file[..101]), 101);
    assert_eq!(find_group(&file, 0, STORE), Some(start));
    assert_eq!(find_group(&file, start, STORE), Some(start));
    assert_eq!(find_group(&file, start + 1, STORE), None);
    let read = group_at(&bytes, STORE).unwrap();
    let batches: Vec<_> = read.entries.iter().map(|entry| start + entry.at).collect();
    assert_eq!(find_batch(&file, 0, STORE), Some(batches[0]));
    assert_eq!(find_batch(&file, batches[0] + 1, STORE), Some(batches[1]));
    assert_eq!(find_batch(&file, batches[1] + 1, STORE), None);
    // Of another store, such as what somebody put into an event's data.
    assert_eq!(find_group(&file, 0, STORE ^ 1), None);
    assert_eq!(find_batch(&file, 0, STORE ^ 1), None);
}

#[test]
fn heads_of_files_read_back() {
    let journal = JournalHead {
        store: STORE,
        number: 9,
        bytes: 10,
    };
    let segment = SegmentHead {
        store: STORE,
        channel: 4,
        epoch: 5,
        first: 6,
        created: 7,
        name: ChannelName::new("orders/eu").unwrap(),
    };
    assert_eq!(JournalHead::read(&journal.write()), Some(journal));
    let written = segment.write();
    assert_eq!(SegmentHead::read(&written), Some(segment.clone()));
    assert_eq!(written.len() as u64, segment_head_bytes(&segment.name));
    for at in 0..written.len() {
        let mut wrong = written.clone();
        wrong[at] ^= 1;
        assert_eq!(SegmentHead::read(&wrong), None, "byte {at}");
        if let Some(byte) = journal.write().get(at) {
            let mut wrong = journal.write();
            wrong[at] = byte ^ 1;
            assert_eq!(JournalHead::read(&wrong), None, "byte {at}");
        }
    }
}
