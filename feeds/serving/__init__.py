"""Published documents over HTTP (RFC 9110, 9111): what a request is answered with.

    path -> site -> Resource -> answers -> Answer
            what lies in out/    pure

`site` and `tokens` read files, `access` writes the log, `application` joins them for a WSGI server;
everything else is a pure function of its arguments.
"""
