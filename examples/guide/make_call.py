"""Make a call that says "Hello world."; print its SID.

Written for Twilio's Python library: with `from twilio.rest import TwilioRestClient` it calls through Twilio.
"""

from urllib.parse import urlencode

from offhook.rest import TwilioRestClient

account = "your_account_sid"
token = "your_auth_token"

# The number that calls, one of yours, and the number that is called.
from_number = "NNNNNNNNNNN"
to_number = "MMMMMMMMMMM"

# The address that answers with the TwiML of the call.
url = "https://twimlets.com/message?"
message = "Hello world."

client = TwilioRestClient(account, token)

call = client.calls.create(to=to_number, from_=from_number, url=url + urlencode({"Message": message}))

print(call.sid)
