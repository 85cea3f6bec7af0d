//! Notifications: subscriptions that come and go, with events that somebody reads and events that nobody reads.

use std::time::Duration;

use anyhow::{Result, ensure};
use mapi::tags;
use mapi_session::{Event, EventKinds, MapiProp, Place, Scope, Subscription};

use super::open_folder;
use crate::soak::ground::Visit;
use crate::soak::mode::Mode;

/// How long an event may take: it is there with the answer to what made it.
const SOON: Duration = Duration::from_secs(60);

pub fn notifications(visit: &Visit<'_>) -> Result<()> {
    let session = visit.session()?;
    let store = session.open_default_msg_store()?;
    let folder = open_folder(session, visit.folder()?)?;
    let whole = store.subscribe(EventKinds::ALL, Scope::Store)?;
    let inside =
        store.subscribe(EventKinds::CREATED | EventKinds::DELETED, Scope::Folder(folder.id()))?;
    visit.watch.note("saving");
    let message = folder.create_message()?;
    message.set(tags::SUBJECT, "Told to whoever asked")?;
    let id = message.save()?;
    visit.acknowledged.borrow_mut().push((folder.id(), id.into()));
    visit.watch.note("waiting for an event");
    let place = Place::Message(folder.id(), id);
    ensure!(hears(visit, &inside, &Event::Created(place))?, "a new message is not told");
    let one = store.subscribe(EventKinds::MODIFIED, Scope::Message(folder.id(), id))?;
    message.set(tags::SUBJECT, "Changed")?;
    message.save()?;
    ensure!(matches!(one.next(SOON)?, Some(Event::Modified { .. })), "a change is not told");
    visit.watch.note("deleting");
    visit.acknowledged.borrow_mut().retain(|known| *known != (folder.id(), id.into()));
    folder.hard_delete_messages(&[id])?;
    match visit.number % 4 {
        0 => {
            ensure!(hears(visit, &inside, &Event::Deleted(place))?, "a deletion is not told");
            whole.close()?;
        }
        // Nothing comes, so it waits in vain for a moment.
        1 => while one.next(Duration::from_millis(1))?.is_some() {},
        // With events that nobody read, and under the store.
        2 => drop((store, whole, inside, one)),
        _ => store.logoff()?,
    }
    Ok(())
}

/// Whether the next event is this one. A request of a cycle that was cut may be worked on still, and be heard here.
fn hears(visit: &Visit<'_>, subscription: &Subscription, wanted: &Event) -> Result<bool> {
    loop {
        match subscription.next(SOON)? {
            Some(event) if event == *wanted => return Ok(true),
            Some(_) if visit.ground.mode == Mode::Cut => {}
            _ => return Ok(false),
        }
    }
}
