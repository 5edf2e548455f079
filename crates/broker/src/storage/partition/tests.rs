//! Who is told of news.
use super::*;

#[test]
fn whoever_watches_is_told_until_it_leaves_and_leaves_nothing_behind() {
    let events = Arc::new(Events::default());
    let watchers: [Arc<Watcher>; 3] = std::array::from_fn(|_| Arc::default());
    let told = || watchers.each_ref().map(|watcher| watcher.grown.swap(false, Ordering::AcqRel));
    let [first, second, third] = watchers.each_ref().map(|watcher| events.watch(watcher));
    events.high_watermark_advanced(1);
    assert_eq!(told(), [true, true, true]);
    drop(second);
    events.high_watermark_advanced(2);
    assert_eq!(told(), [true, false, true]);
    let again = events.watch(&watchers[1]);
    drop((first, third));
    events.went_offline();
    assert_eq!(told(), [false, true, false]);
    drop(again);
    assert!(events.watchers.lock().by_place.is_empty());
}
