"""Send "Hello world." as a text; print its SID.

Written for Twilio's Python library: with `from twilio.rest import TwilioRestClient` it sends through Twilio.
"""

from offhook.rest import TwilioRestClient

account = "your_account_sid"
token = "your_auth_token"

# The number that sends, one of yours, and the number that receives.
from_number = "NNNNNNNNNNN"
to_number = "MMMMMMMMMMM"

client = TwilioRestClient(account, token)

message = client.sms.messages.create(to=to_number, from_=from_number, body="Hello world.")

print(message.sid)
