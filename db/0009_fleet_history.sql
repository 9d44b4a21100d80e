-- What is past its age is deleted by workers, in small batches; these lead to it.

create index task_events_at on task_events (at);
create index workers_ended on workers (ended_at) where ended_at is not null;
