//! Custom bookmarks and fractions: [MS-OXCTABL] 2.2.2.10 to 2.2.2.12, 2.2.2.15, 3.2.5.10 to 3.2.5.12,
//! 3.2.5.15.

use mapi::{SortOrder, tags};
use mapi_rop::message::{AttachmentTableFlags, GetAttachmentTableRequest};
use mapi_rop::table::{Bookmark, BookmarkBody, SeekRowBookmarkRequest, SeekRowFractionalRequest};
use mapi_rop::{Empty, Handle, HandleIndex, LogonId, Request, RopRequest};
use testsuite::on_both;
use testsuite::raw::code;

use super::*;

fn seek_request() -> RopRequest {
    let bookmark = vec![1; 8].into();
    let want_row_moved_count = false;
    RopRequest::SeekRowBookmark(SeekRowBookmarkRequest {
        bookmark,
        row_count: 0,
        want_row_moved_count,
    })
}

fn free_request() -> RopRequest {
    RopRequest::FreeBookmark(BookmarkBody { bookmark: vec![1; 8].into() })
}

on_both! {
    /// MS-OXCTABL 2.2.2.12: R208
    /// MS-OXCTABL 2.2.2.12.2: R211, R213
    /// MS-OXCTABL 3.2.5.12: R522, R526
    fn a_bookmark_is_made_at_the_cursor(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 6)?;
        desk.seek(Bookmark::Beginning, 2).expect("a seek");
        let bookmark = desk.create_bookmark().expect("a bookmark");
        assert_eq!(bookmark.len(), 8);
        let other = desk.create_bookmark().expect("another");
        assert_ne!(bookmark, other);
        desk.seek(Bookmark::End, 0).expect("a seek");
        let sought = desk.seek_bookmark(&bookmark, 0).expect("a seek");
        assert!(!sought.row_no_longer_visible);
        assert_eq!(texts(&desk.rows(2)), ["m2", "m3"]);
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.10: R165, R166
    /// MS-OXCTABL 3.2.5.10: R503, R504
    /// MS-OXCTABL 2.2.2.10.2: R187
    fn a_seek_counts_rows_from_the_bookmark(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 6)?;
        desk.seek(Bookmark::Beginning, 2).expect("a seek");
        let bookmark = desk.create_bookmark().expect("a bookmark");
        let cases = [(0, false, 0), (2, false, 2), (-2, false, -2), (-5, true, -2), (9, true, 4)];
        for (count, less, sought) in cases {
            let answer = desk.seek_bookmark(&bookmark, count).expect("a seek");
            assert_eq!((answer.has_sought_less, answer.rows_sought), (less, sought), "{count}");
            let at = (2 + sought) as u32;
            assert_eq!(desk.position(), Ok((at, 6)));
        }
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.10.1: R178, R180
    /// MS-OXCTABL 2.2.2.10.2: R189, R190
    fn what_was_moved_is_told_if_it_is_asked_for(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 4)?;
        desk.seek(Bookmark::Beginning, 1).expect("a seek");
        let bookmark = desk.create_bookmark().expect("a bookmark");
        for (want_row_moved_count, less) in [(true, true), (false, false)] {
            let request = SeekRowBookmarkRequest {
                bookmark: bookmark.clone().into(),
                row_count: 100,
                want_row_moved_count,
            };
            let answer = answer!(
                desk.call(RopRequest::SeekRowBookmark(request)),
                SeekRowBookmark
            ).expect("a seek");
            assert_eq!(answer.has_sought_less, less);
            assert_eq!(answer.rows_sought, 3);
            assert_eq!(desk.position(), Ok((4, 4)));
        }
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.10: R506
    /// MS-OXCTABL 2.2.2.10.2: R182, R183, R184
    /// MS-OXCTABL 3.2.5.12: R522
    fn a_bookmark_names_a_row_and_not_a_position(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 6)?;
        desk.seek(Bookmark::Beginning, 3).expect("a seek");
        let bookmark = desk.create_bookmark().expect("a bookmark");
        desk.delete("m0");
        let sought = desk.seek_bookmark(&bookmark, 0).expect("a seek");
        assert!(!sought.row_no_longer_visible);
        assert_eq!(texts(&desk.rows(1)), ["m3"]);
        desk.delete("m3");
        let sought = desk.seek_bookmark(&bookmark, 0).expect("a seek");
        assert!(sought.row_no_longer_visible);
        assert_eq!(desk.position(), Ok((2, 4)));
        assert_eq!(texts(&desk.rows(1)), ["m4"]);
        let sought = desk.seek_bookmark(&bookmark, 1).expect("a seek");
        assert!(sought.row_no_longer_visible);
        assert_eq!((sought.has_sought_less, sought.rows_sought), (false, 1));
        assert_eq!(texts(&desk.rows(9)), ["m5"]);
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.14.2: R238, R239, R240
    /// MS-OXCTABL 3.2.5.14: R538
    /// MS-OXCTABL 6: R6081
    fn a_search_begins_at_a_bookmark(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 7)?;
        desk.seek(Bookmark::Beginning, 3).expect("a seek");
        let bookmark = desk.create_bookmark().expect("a bookmark");
        // m0, m3 and m6 are of importance 0.
        let low = || Some(equals(tags::IMPORTANCE, 0));
        let first = desk.find_from(Bookmark::Custom, &bookmark, false, low()).expect("a row");
        assert!(!first.row_no_longer_visible);
        assert_eq!(found(Ok(first)), Ok("m3".into()));
        let before = desk.find_from(Bookmark::Custom, &bookmark, true, low());
        assert_eq!(found(before), Ok("m0".into()));
        desk.delete("m3");
        let next = desk.find_from(Bookmark::Custom, &bookmark, false, low()).expect("a row");
        assert!(next.row_no_longer_visible);
        assert_eq!(found(Ok(next)), Ok("m6".into()));
        let before = desk.find_from(Bookmark::Custom, &bookmark, true, low()).expect("a row");
        assert!(before.row_no_longer_visible);
        assert_eq!(found(Ok(before)), Ok("m0".into()));
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.10: R505, R870
    /// MS-OXCTABL 6: R904
    /// MS-OXCTABL 3.2.5.12: R863
    /// MS-OXCTABL 3.2.5.14: R537
    fn a_new_order_makes_bookmarks_invalid(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 3)?;
        for step in 0..3 {
            let bookmark = desk.create_bookmark().expect("a bookmark");
            assert!(desk.seek_bookmark(&bookmark, 0).is_ok());
            match step {
                0 => drop(desk.sort(&[SortOrder::descending(tags::SUBJECT)]).expect("a sort")),
                1 => drop(desk.restrict(None).expect("a restriction")),
                _ => {
                    desk.reset().expect("a reset");
                    desk.set_columns(&[tags::SUBJECT]).expect("columns");
                }
            }
            assert_eq!(desk.seek_bookmark(&bookmark, 0), Err(INVALID_BOOKMARK));
            let any = Some(equals(tags::SUBJECT, "m1"));
            let search = desk.find_from(Bookmark::Custom, &bookmark, false, any);
            assert_eq!(search, Err(INVALID_BOOKMARK));
            assert_eq!(desk.free_bookmark(&bookmark), Err(INVALID_BOOKMARK));
        }
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.15: R247, R2481
    /// MS-OXCTABL 3.2.5.15: R545, R548
    /// MS-OXCTABL 6: R549
    fn a_freed_bookmark_is_invalid(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 3)?;
        let (one, two) = (desk.create_bookmark().expect("one"), desk.create_bookmark().expect("two"));
        assert_eq!(desk.free_bookmark(&one), Ok(()));
        assert_eq!(desk.free_bookmark(&one), Err(INVALID_BOOKMARK));
        assert_eq!(desk.seek_bookmark(&one, 0), Err(INVALID_BOOKMARK));
        assert!(desk.seek_bookmark(&two, 0).is_ok());
        // Nothing that was never one is taken for one.
        for bytes in [&[][..], &two[1..], &[0xff; 8]] {
            assert_eq!(desk.seek_bookmark(bytes, 0), Err(INVALID_BOOKMARK));
        }
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.15: R248
    /// MS-OXCTABL 3.2.5.15: R546, R552
    /// MS-OXCTABL 3.2.5.12: R524
    fn a_released_table_takes_its_bookmarks_along(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 3)?;
        let before = rig.ledger().bytes();
        let bookmarks: Vec<_> =
            (0..20).map(|_| desk.create_bookmark().expect("a bookmark")).collect();
        assert!(rig.ledger().bytes() > before);
        for bookmark in &bookmarks[..10] {
            desk.free_bookmark(bookmark).expect("it is freed");
        }
        desk.client.release(desk.table);
        assert!(rig.ledger().bytes() < before);
        let gone = desk.free_bookmark(&bookmarks[15]);
        assert_eq!(gone, Err(NULL_OBJECT));
        assert_eq!(desk.seek_bookmark(&bookmarks[15], 0), Err(NULL_OBJECT));
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.2: R8264, R8266
    /// MS-OXCTABL 6: R8274, R8276
    fn columns_come_before_bookmarks_are_used(rig: &Rig) -> Result {
        let mut desk = Desk::with(rig, &numbered(2))?;
        let bookmark = desk.create_bookmark().expect("a bookmark needs no columns");
        assert_eq!(desk.seek_bookmark(&bookmark, 0), Err(NULL_OBJECT));
        assert_eq!(desk.free_bookmark(&bookmark), Err(NULL_OBJECT));
        assert_eq!(desk.set_columns(&[tags::SUBJECT]), Ok(TableStatus::Complete));
        assert!(desk.seek_bookmark(&bookmark, 0).is_ok());
        assert_eq!(desk.free_bookmark(&bookmark), Ok(()));
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.10: R852
    /// MS-OXCTABL 3.2.5.12: R857
    /// MS-OXCTABL 3.2.5.15: R547
    fn hierarchy_tables_have_bookmarks(rig: &Rig) -> Result {
        let mut desk = Desk::hierarchy(rig)?;
        desk.set_columns(&[tags::DISPLAY_NAME]).expect("columns");
        let names = desk.all();
        desk.seek(Bookmark::Beginning, 2).expect("a seek");
        let bookmark = desk.create_bookmark().expect("a bookmark");
        let sought = desk.seek_bookmark(&bookmark, 1).expect("a seek");
        assert!(!sought.row_no_longer_visible);
        assert_eq!(texts(&desk.rows(1)), [names[3].as_str()]);
        assert_eq!(desk.free_bookmark(&bookmark), Ok(()));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.10: R168
    /// MS-OXCTABL 3.2.5.10: R509
    /// MS-OXCTABL 2.2.2.12: R209
    /// MS-OXCTABL 3.2.5.12: R527
    /// MS-OXCTABL 3.2.5.15: R551
    fn other_objects_have_no_bookmarks(rig: &Rig) -> Result {
        let mut desk = Desk::with(rig, &numbered(1))?;
        let requests = || [seek_request(), free_request(), RopRequest::CreateBookmark(Empty)];
        for request in requests() {
            assert_eq!(desk.on_folder(request), Err(NOT_SUPPORTED));
        }
        let mid = desk.message("m0");
        let message = desk.client.open_message(desk.id, mid, Default::default()).expect("it");
        let flags = AttachmentTableFlags::NONE;
        let request = RopRequest::GetAttachmentTable(GetAttachmentTableRequest { flags });
        let table = desk.client.open(message, request).expect("an attachment table");
        desk.client.set_columns(table, &[tags::ATTACH_NUMBER]).expect("columns");
        for request in requests() {
            assert_eq!(desk.client.call(table, request), Err(NOT_SUPPORTED));
        }
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.15: R249, R250
    fn bookmarks_are_freed_on_tables_only(rig: &Rig) -> Result {
        let mut desk = Desk::with(rig, &[])?;
        let logon = desk.client.logon;
        assert_eq!(desk.client.call(logon, free_request()), Err(NOT_SUPPORTED));
        desk.set_columns(&[tags::SUBJECT]).expect("columns");
        assert_eq!(desk.call(free_request()), Err(INVALID_BOOKMARK));
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.10: R510
    /// MS-OXCTABL 3.2.5.12: R528
    fn a_failure_ends_the_buffer(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 1)?;
        let folder_first = [desk.folder, desk.table];
        for body in [seek_request(), RopRequest::CreateBookmark(Empty)] {
            let requests = [
                Request::new(LogonId(0), HandleIndex(0), body),
                Request::new(LogonId(0), HandleIndex(1), RopRequest::QueryPosition(Empty)),
            ];
            let answer = desk.client.exchange(&requests, &folder_first);
            assert_eq!(answer.responses.len(), 1);
            assert_eq!(code(&answer.responses[0]), Err(NOT_SUPPORTED));
        }
        let requests = [
            Request::new(LogonId(0), HandleIndex(0), seek_request()),
            Request::new(LogonId(0), HandleIndex(0), RopRequest::QueryPosition(Empty)),
        ];
        let answer = desk.client.exchange(&requests, &[desk.table]);
        assert_eq!(answer.responses.len(), 1);
        assert_eq!(code(&answer.responses[0]), Err(INVALID_BOOKMARK));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.11: R198, R199
    /// MS-OXCTABL 2.2.2.11.1: R203
    /// MS-OXCTABL 3.2.5.11: R513
    /// MS-OXCTABL 6: R914
    fn a_fraction_of_the_table(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 10)?;
        let cases = [
            ((0, 1), 0), ((1, 2), 5), ((3, 10), 3), ((99, 100), 9), ((1, 1), 10), ((7, 3), 10),
            ((u32::MAX - 1, u32::MAX), 9),
        ];
        for ((numerator, denominator), position) in cases {
            desk.seek_fraction(numerator, denominator).expect("a seek");
            assert_eq!(desk.position(), Ok((position, 10)), "{numerator} / {denominator}");
        }
        // MS-OXCTABL R206
        assert_eq!(desk.seek_fraction(1, 0), Err(INVALID_PARAMETER));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.11: R200
    /// MS-OXCTABL 3.2.5.11: R519, R520, R521
    /// MS-OXCTABL 6: R910
    fn fractions_of_any_table(rig: &Rig) -> Result {
        let mut desk = Desk::hierarchy(rig)?;
        let (_, rows) = desk.position().expect("a position");
        assert!(rows > 2);
        desk.seek_fraction(1, 2).expect("a seek");
        assert_eq!(desk.position(), Ok((rows / 2, rows)));
        let request = SeekRowFractionalRequest { numerator: 1, denominator: 2 };
        let on_folder = desk.on_folder(RopRequest::SeekRowFractional(request));
        assert_eq!(on_folder, Err(NOT_SUPPORTED));
        Ok(())
    }
}

/// A thousand bookmarks are enough for a table; each counts as memory.
#[test]
fn bookmarks_have_a_bound() -> Result {
    let rig = Rig::loopback()?;
    let mut desk = Desk::sorted(&rig, 1)?;
    let handle: Handle = desk.table;
    let before = rig.ledger().bytes();
    let made: Vec<_> = std::iter::from_fn(|| desk.create_bookmark().ok()).take(2_000).collect();
    assert_eq!(made.len(), 1_000);
    assert_eq!(desk.create_bookmark(), Err(ErrorCode::MAX_OBJS_EXCEEDED));
    assert!(rig.ledger().bytes() > before + 50_000);
    desk.sort(&[SortOrder::ascending(tags::SUBJECT)]).expect("a sort");
    assert_eq!(rig.ledger().bytes(), before);
    assert!(desk.create_bookmark().is_ok());
    desk.client.release(handle);
    Ok(())
}
