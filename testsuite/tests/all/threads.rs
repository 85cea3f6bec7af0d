//! One session, many threads: nothing deadlocks (Q241556), nothing gets lost, nothing is left.

use mapi::tags;
use mapi_session::MapiProp;

use testsuite::on_both;
use testsuite::rig::ME;

const THREADS: usize = 64;

on_both! {
    fn sixty_four_threads_open_and_close_stores(rig: &Rig) -> Result {
        let session = rig.session(ME)?;
        session.open_default_msg_store()?.logoff()?;
        let base = rig.live();
        run_all(|thread| {
            for cycle in 0..10 {
                let store = session.open_default_msg_store()?;
                match (thread + cycle) % 3 {
                    0 => store.logoff()?,
                    1 => {
                        let table = store.root_folder()?.hierarchy_table()?;
                        drop(store);
                        assert!(table.row_count()? > 0);
                    }
                    _ => drop(store),
                }
            }
            Ok(())
        })?;
        session.flush()?;
        assert_eq!(rig.live(), base);
        Ok(())
    }

    /// Threads share one store, one folder and one table.
    fn sixty_four_threads_save_into_one_folder(rig: &Rig) -> Result {
        let session = rig.session(ME)?;
        let store = session.open_default_msg_store()?;
        let inbox = store.inbox()?;
        let table = inbox.contents_table()?;
        run_all(|thread| {
            let message = inbox.create_message()?;
            message.set(tags::SUBJECT, format!("thread {thread}"))?;
            message.save()?;
            table.row_count()?;
            Ok(())
        })?;
        let table = inbox.contents_table()?.with_columns(&[tags::SUBJECT])?;
        let mut subjects: Vec<String> =
            table.rows().map(|row| Ok(row?.text(tags::SUBJECT).unwrap_or_default())).collect::<testsuite::Result<_>>()?;
        subjects.sort();
        let mut expected: Vec<String> = (0..THREADS).map(|n| format!("thread {n}")).collect();
        expected.sort();
        assert_eq!(subjects, expected);
        Ok(())
    }

    /// A row that is there all the time is read, whatever other sessions do to the folder meanwhile.
    fn a_reader_misses_no_row_while_others_change_the_folder(rig: &Rig) -> Result {
        let inbox = rig.inbox()?;
        let save = |inbox: &mapi_session::Folder, subject: &str| -> testsuite::Result<_> {
            let message = inbox.create_message()?;
            message.set(tags::SUBJECT, subject)?;
            Ok(message.save()?)
        };
        let mut passing = Vec::new();
        for _ in 0..40 {
            save(&inbox, "stays")?;
            passing.push(save(&inbox, "passes")?);
        }
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let change = |ids: Vec<mapi::MessageId>| -> testsuite::Result {
                let inbox = rig.inbox()?;
                for id in ids {
                    inbox.hard_delete_messages(&[id])?;
                    save(&inbox, "passes")?;
                }
                Ok(())
            };
            let ids: Vec<Vec<_>> = passing.chunks(10).map(<[_]>::to_vec).collect();
            let changing: Vec<_> =
                ids.into_iter().map(|ids| scope.spawn(move || change(ids))).collect();
            let reading = scope.spawn(|| -> testsuite::Result {
                let inbox = rig.inbox()?;
                while !done.load(std::sync::atomic::Ordering::SeqCst) {
                    let table = inbox.contents_table()?.with_columns(&[tags::SUBJECT])?;
                    let mut stay = 0;
                    loop {
                        let rows = table.query_rows(7)?;
                        let is = |row: &&mapi_session::Row| row.text(tags::SUBJECT).as_deref() == Some("stays");
                        stay += rows.iter().filter(is).count();
                        if rows.is_empty() {
                            break;
                        }
                    }
                    assert_eq!(stay, 40);
                }
                Ok(())
            });
            let changed: Vec<_> = changing.into_iter().map(|thread| thread.join()).collect();
            done.store(true, std::sync::atomic::Ordering::SeqCst);
            reading.join().map_err(|_| "the reader panicked")??;
            changed.into_iter().try_for_each(|thread| thread.map_err(|_| "a thread panicked")?)
        })
    }

    /// First use from many threads at once (catalogue L05): each session is ended again.
    fn threads_log_on_at_once(rig: &Rig) -> Result {
        run_all(|_| {
            let session = rig.session(ME)?;
            let store = session.open_default_msg_store()?;
            drop(session);
            assert!(store.property(tags::DISPLAY_NAME).is_ok());
            Ok(())
        })?;
        assert_eq!(rig.live(), 0);
        Ok(())
    }
}

fn run_all(work: impl Fn(usize) -> testsuite::Result + Sync) -> testsuite::Result {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn({
                    let work = &work;
                    move || work(thread)
                })
            })
            .collect();
        for thread in threads {
            thread.join().map_err(|_| "a thread panicked")??;
        }
        Ok(())
    })
}
