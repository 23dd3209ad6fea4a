"""The pages: what people of hospitals and the agency see in a browser.

Every page is made on the server from what the desk, the runs and the store say; scripts only ask
for parts of pages again, sort and draw. Nothing is loaded from elsewhere, nothing stands inline.
"""
