use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

fn idx(dimensions: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, UNSIGNED_BYTE, dimensions.len() as u8];
    dimensions.iter().for_each(|length| bytes.extend(length.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Three images of 2 x 2 pixels.
fn images() -> Vec<u8> {
    idx(&[3, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7, 252, 253, 254, 255])
}

fn labels() -> Vec<u8> {
    idx(&[3], &[7, 0, 7])
}

fn parse(images: &[u8], labels: &[u8]) -> Result<Dataset, DataError> {
    parse_idx_pair(("i.idx", images), ("l.idx", labels), None)
}

/// The message, which names `file` first.
fn refused(file: &str, images: &[u8], labels: &[u8]) -> String {
    let message = parse(images, labels).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{file}: ")), "{message}");
    message
}

#[test]
fn a_pair_comes_in_compressed_or_not() {
    for (images, labels) in [(images(), labels()), (gzip(&images()), gzip(&labels())), (gzip(&images()), labels())] {
        let data = parse(&images, &labels).unwrap();
        assert_eq!((data.rows(), data.columns(), data.classes()), (3, 4, 2));
        assert_eq!(data.table.row(2), [252.0, 253.0, 254.0, 255.0]);
        assert_eq!(data.table.feature_names, ["pixel_0_0", "pixel_0_1", "pixel_1_0", "pixel_1_1"]);
        assert_eq!((&data.labels[..], &data.class_names[..]), (&[1, 0, 1][..], &["0".to_owned(), "7".to_owned()][..]));
    }
}

#[test]
fn the_first_rows_are_those_of_the_whole_and_the_rest_is_checked_all_the_same() {
    for (images, labels) in [(images(), labels()), (gzip(&images()), gzip(&labels()))] {
        let whole = parse(&images, &labels).unwrap();
        let first = |rows| parse_idx_pair(("i", &images), ("l", &labels), Some(rows)).unwrap();
        assert_eq!(first(1).table.values, whole.table.values[..4]);
        assert_eq!(
            (first(1).labels, first(1).class_names),
            (vec![1], whole.class_names.clone()),
            "classes are the file's"
        );
        assert_eq!((first(3).labels, first(99).rows()), (whole.labels.clone(), 3));
    }
    let cut = &images()[..images().len() - 1];
    let message = parse_idx_pair(("i", cut), ("l", &labels()), Some(1)).unwrap_err().to_string();
    assert!(message.contains("11 of the 12 bytes"), "{message}");
}

#[test]
fn files_that_are_not_what_they_should_be_say_what_was_expected() {
    assert!(
        refused("i.idx", &labels(), &labels()).contains("a file of labels; images begin with the bytes 0, 0, 8, 3")
    );
    assert!(
        refused("l.idx", &images(), &images()).contains("a file of images; labels begin with the bytes 0, 0, 8, 1")
    );
    for magic in [[1, 0, 8, 3], [0, 1, 8, 3], [0, 0, 9, 3], [0, 0, 13, 3], [0, 0, 8, 2], [0, 0, 8, 255]] {
        let mut other = images();
        other[..4].copy_from_slice(&magic);
        let found = magic.map(|byte| byte.to_string()).join(", ");
        assert!(refused("i.idx", &other, &labels()).contains(&format!("begins with {found}; images begin")));
    }
    assert!(refused("i.idx", b"a,b,label\n1,2,x\n", &labels()).contains("not such an IDX file"));
    assert!(refused("i.idx", b"", &labels()).contains("inside its header"));
    assert!(refused("l.idx", &images(), &gzip(b"")).contains("inside its header"));
}

#[test]
fn counts_that_disagree_name_both_files() {
    let message = refused("l.idx", &images(), &idx(&[2], &[0, 1]));
    assert!(message.contains("2 labels") && message.contains("i.idx holds 3 images"), "{message}");
    assert!(refused("l.idx", &images(), &idx(&[3], &[4, 4, 4])).contains("every label is 4"));
}

#[test]
fn cut_files_and_trailing_bytes_are_refused() {
    for (images, labels) in [(images(), labels()), (gzip(&images()), gzip(&labels()))] {
        for length in 0..images.len() {
            refused("i.idx", &images[..length], &labels);
        }
        for length in 0..labels.len() {
            refused("l.idx", &images, &labels[..length]);
        }
        let longer = |bytes: &[u8]| [bytes, &[0]].concat();
        refused("i.idx", &longer(&images), &labels);
        refused("l.idx", &images, &longer(&labels));
    }
    assert!(refused("i.idx", &gzip(&[images(), vec![1]].concat()), &labels()).contains("bytes follow the 12"));
}

#[test]
fn damage_inside_a_compressed_file_is_noticed_where_it_changes_anything() {
    let (whole, data) = (gzip(&images()), parse(&images(), &labels()).unwrap());
    let mut unnoticed = 0;
    for bit in 0..8 * whole.len() {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(found) = parse(&damaged, &labels()) {
            assert_eq!(found, data, "bit {bit}");
            unnoticed += 1;
        }
    }
    // Flags, time and system in the header, and at most seven bits that fill the last byte of what is compressed.
    assert!(unnoticed <= 7 * 8 + 7, "{unnoticed}");
}

#[test]
fn lengths_that_no_file_holds_are_refused_before_anything_is_allocated() {
    let most = u32::MAX;
    for lengths in [[most, most, most], [most, 1, 1], [1, most, most]] {
        let message = refused("i.idx", &idx(&lengths, &[0; 12]), &labels());
        assert!(message.contains(&format!("says {} x {} x {}", lengths[0], lengths[1], lengths[2])), "{message}");
        assert!(message.contains("cannot hold"), "{message}");
    }
    assert!(refused("l.idx", &images(), &gzip(&idx(&[most], &[1]))).contains("cannot hold"));
    for lengths in [[0, 2, 2], [3, 0, most], [3, most, 0]] {
        assert!(refused("i.idx", &idx(&lengths, &[]), &labels()).contains("there is none"));
    }
}

#[test]
fn a_bomb_is_unpacked_no_further_than_its_header_says() {
    let bomb = gzip(&[images(), vec![0; 64 << 20]].concat());
    assert!(bomb.len() < 100_000);
    let started = std::time::Instant::now();
    assert!(refused("i.idx", &bomb, &labels()).contains("bytes follow the 12"));
    assert!(started.elapsed().as_secs_f64() < 1.0, "64 MiB were unpacked");
}

#[test]
fn images_too_large_for_an_input_layer_are_refused() {
    let wide = idx(&[1, 1 << 11, (1 << 9) + 1], &vec![0; (1 << 20) + (1 << 11)]);
    assert!(refused("i.idx", &wide, &labels()).contains("2048 x 513 pixels"));
}

#[test]
fn the_mnist_files_are_read_where_there_are_any() {
    let Some(folder) = std::env::var_os("SMLP_MNIST_DIR") else {
        println!("skipped: SMLP_MNIST_DIR does not say where t10k-images-idx3-ubyte.gz lies");
        return;
    };
    let file = |name| Path::new(&folder).join(name);
    let (images, labels) = (file("t10k-images-idx3-ubyte.gz"), file("t10k-labels-idx1-ubyte.gz"));
    let data = read_idx_pair(&images, &labels, None).unwrap();
    assert_eq!((data.rows(), data.columns(), data.classes()), (10_000, 784, 10));
    assert_eq!(data.class_counts(), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    assert_eq!(data.labels[..8], [7, 2, 1, 0, 4, 1, 4, 9]);
    let first = read_idx_pair(&images, &labels, Some(100)).unwrap();
    assert_eq!(first, data.subset(&(0..100).collect::<Vec<_>>()));
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        rows in 2usize..6,
        height in 1u32..5,
        width in 1u32..5,
        compressed in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let pixels = (height * width) as usize;
        let pixel = |i: usize| (seed.wrapping_mul(2 * i as u64 + 1) >> 32) as u8;
        let elements: Vec<u8> = (0..rows * pixels).map(pixel).collect();
        let labels: Vec<u8> = (0..rows).map(|row| if row == 0 { 0 } else { 1 + pixel(row) / 2 }).collect();
        let pack = |bytes: Vec<u8>| if compressed { gzip(&bytes) } else { bytes };
        let images = pack(idx(&[rows as u32, height, width], &elements));
        let data = parse(&images, &pack(idx(&[rows as u32], &labels))).unwrap();
        prop_assert_eq!((data.rows(), data.columns()), (rows, pixels));
        prop_assert!(data.table.values.iter().zip(&elements).all(|(value, byte)| *value == f64::from(*byte)));
        for (label, byte) in data.labels.iter().zip(&labels) {
            prop_assert_eq!(&data.class_names[*label as usize], &byte.to_string());
        }
    }

    #[test]
    fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..80), body in any::<bool>()) {
        let mut bytes = bytes;
        if body && bytes.len() > 4 {
            bytes[..4].copy_from_slice(&[0, 0, UNSIGNED_BYTE, 3]);
        }
        let _ = parse(&bytes, &labels());
        let _ = parse(&gzip(&bytes), &labels());
        let _ = parse(&images(), &bytes);
    }
}
