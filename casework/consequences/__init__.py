"""What follows from credit, kept and carried out: inspections, lists, pushes, commitments, repair, entitlements.

The rules are ``credit``'s and the registers the store's; here they meet in transactions with the audit trail and the outbox.
Nothing punitive is done by the product itself: the sweep reminds, reveals draws and ends what time ends, and proposes the rest.
``bureau`` is the way in; ``publication`` is what a published month calls.
"""
