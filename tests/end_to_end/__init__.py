"""The whole service, from a provider's wire to what a user sees."""
