"""The composition root of the topology on AWS: thin handlers around the rooms, one file each.

`order` answers API Gateway through the product's own `Api`; `relay` says the ledger's entries on
Kinesis; `consume` asks the forest about them and tells EventBridge; `tend` does what takes no
request: prices, resting orders, margin, the nightly roll; `authorise` sheds calls without a token.
`runtime` builds what they share. Only this package imports AWS Lambda Powertools.
"""
