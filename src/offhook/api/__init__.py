"""The HTTP role: Twilio's REST API, timelines, twimlets and recordings.

* `server`: the process. `app`: the Falcon application.
* `v2010/`: a file a resource of ``/2010-04-01``. `offhook_v1/`: the platform's own resources.
* Shared by resources: `operations` (what a resource is written with), `forms` (parameters), `paging`,
  `schema` (the OpenAPI file), `rendering` (JSON, XML, CSV), `authentication`.
* `openapi/`: Twilio's published OpenAPI file, trimmed by ``scripts/trim_openapi.py``, with its licence.

Validates, commits, enqueues; never touches media and never calls a customer's URL.
"""
