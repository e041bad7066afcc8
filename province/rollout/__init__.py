"""Roll-outs: a change passes hosts in batches, each verified before the next; a journal from which a run resumes."""
