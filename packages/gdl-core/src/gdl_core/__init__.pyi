from .errors import closest as closest
