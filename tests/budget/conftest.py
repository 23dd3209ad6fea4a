"""Property tests are held to what they find, not to how fast a busy machine finds it."""

from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
